"""Version of the firmware and the day it was built: dates before that day are not believed."""

VERSION = "0.1.0"
BUILD_T = 189388800  # 2026-01-01T00:00:00Z in s since 2020-01-01
TIME_WINDOW = (BUILD_T, BUILD_T + 599529600)  # 19 years

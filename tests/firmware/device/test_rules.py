"""Pure rules of the device, each script run as a whole under MicroPython (scripts/rules_*.py)."""

import re
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.mark.parametrize("name", ["rules_clock.py", "rules_config.py", "rules_motion.py", "rules_lanes.py"])
def test_rules(run_script, name):
    output = run_script(name)
    defined = re.findall(r"^def (test_\w+)", (SCRIPTS / name).read_text(), re.M)
    assert sorted(re.findall(r"^ok (\w+)$", output, re.M)) == sorted(defined)

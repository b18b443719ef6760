"""The true way of a truck over a day, second by second, and where it really stopped."""

import math
import random
from dataclasses import dataclass, field

LEAST_STOP_S = 210  # a halt for a purpose takes longer; what is shorter here is traffic


@dataclass(slots=True)
class Way:
    """Truth at 1 Hz: metres east and north, m/s; `stops` and `tunnels` as (first, last) seconds."""

    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    speed: list[float] = field(default_factory=list)
    stops: list[tuple[int, int]] = field(default_factory=list)
    tunnels: list[tuple[int, int]] = field(default_factory=list)
    driven_m: float = 0.0

    def __len__(self) -> int:
        return len(self.x)


class Driver:
    """Drives a day. Every habit of the day is drawn once, from wide ranges."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.way = Way()
        self.x = self.y = 0.0
        self.course = rng.uniform(0, 2 * math.pi)
        self.mps = 0.0
        self.city = rng.uniform(0.1, 0.9)  # share of streets with lights
        self.light_m = rng.uniform(250, 1_500)
        self.red_s = rng.uniform(15, 95)
        self.jam_go = (rng.uniform(1.0, 2.5), rng.uniform(2.5, 6.0))
        self.jam_halt_s = rng.uniform(12, 60)
        self.jam_longest_s = rng.uniform(90, 260)
        self.accel = rng.uniform(0.4, 1.6)

    def _second(self, mps: float) -> None:
        self.mps = mps
        self.x += mps * math.cos(self.course)
        self.y += mps * math.sin(self.course)
        self.way.driven_m += mps
        self.way.x.append(self.x)
        self.way.y.append(self.y)
        self.way.speed.append(mps)

    def _towards(self, goal_mps: float) -> None:
        step = max(-2.0, min(self.accel, goal_mps - self.mps))
        self._second(max(0.0, self.mps + step))

    def _come_to_rest(self) -> None:
        while self.mps > 0:
            self._towards(0.0)

    def halt(self, seconds: int) -> None:
        """Stand in traffic."""
        self._come_to_rest()
        for _ in range(seconds):
            self._second(0.0)

    def drive(self, metres: float, cruise_mps: float) -> None:
        """A stretch of road with its bends, and with lights where it is a street."""
        rng = self.rng
        until = self.way.driven_m + metres
        street = rng.random() < self.city
        cruise = min(cruise_mps, 15.0) if street else cruise_mps
        light = self.way.driven_m + rng.expovariate(1 / self.light_m)
        bend, turn = 0, 0.0
        while self.way.driven_m < until:
            if street and self.way.driven_m > light:
                if rng.random() < 0.5:
                    self.halt(round(rng.uniform(4, self.red_s)))
                light = self.way.driven_m + rng.expovariate(1 / self.light_m)
            if bend <= 0:
                bend, turn = rng.randint(5, 60), rng.gauss(0, 0.02 if street else 0.006)
            bend -= 1
            self.course += turn
            self._towards(max(2.0, cruise * rng.uniform(0.85, 1.05)))

    def jam(self, seconds: float) -> None:
        """Stop and go: nothing of it is a stop, though single halts may last four minutes."""
        until = len(self.way) + seconds
        while len(self.way) < until:
            creep = self.rng.uniform(*self.jam_go)
            for _ in range(self.rng.randint(5, 60)):
                self._towards(creep)
            self.halt(round(min(self.jam_longest_s, self.rng.expovariate(1 / self.jam_halt_s))))

    def tunnel(self, seconds: int, cruise_mps: float) -> None:
        """Drive on where no satellite is seen."""
        first = len(self.way)
        while len(self.way) < first + seconds:
            self._towards(cruise_mps)
        self.way.tunnels.append((first, len(self.way)))

    def ferry(self) -> None:
        """Wait for it, roll aboard, sail, roll off: the wait is a stop, the crossing is way."""
        self.stop(self.rng.randint(600, 2_400))
        self.drive(self.rng.uniform(30, 120), 3.0)
        knots = self.rng.uniform(4.0, 9.0)
        self.accel, quick = 0.05, self.accel  # a ship is slow to start
        for _ in range(self.rng.randint(700, 2_400)):
            self._towards(knots)
        self.accel = quick
        self._come_to_rest()

    def stop(self, seconds: int, moves: int = 0) -> None:
        """Stand for a purpose; `moves`: so often the truck is moved about the yard meanwhile, within 120 m."""
        self._come_to_rest()
        first = len(self.way)
        home = (self.x, self.y)
        stands = moves + 1
        for number in range(stands):
            for _ in range(max(70, seconds // stands)):
                self._second(0.0)
            if number < moves:
                self._yard_move(home)
        self.way.stops.append((first, len(self.way) - 1))

    def _yard_move(self, home: tuple[float, float]) -> None:
        reach = self.rng.uniform(15, 110)
        angle = self.rng.uniform(0, 2 * math.pi)
        goal = (home[0] + reach * math.cos(angle), home[1] + reach * math.sin(angle))
        course, self.course = self.course, math.atan2(goal[1] - self.y, goal[0] - self.x)
        left = math.hypot(goal[0] - self.x, goal[1] - self.y)
        creep = self.rng.uniform(1.6, 4.0)
        while left > 0:
            step = min(left, creep)
            self._second(step)
            left -= step
        self.mps, self.course = 0.0, course


def day(seed: int, hours: float = 14.0) -> Way:
    """A day of one truck. seed: equal ones give equal days."""
    rng = random.Random(f"road/{seed}")
    driver = Driver(rng)
    driver.stop(rng.randint(600, 10_000))
    while len(driver.way) < hours * 3600:
        cruise = rng.uniform(9, 25)
        for _ in range(rng.randint(1, 4)):
            driver.drive(rng.uniform(800, 15_000), cruise)
            luck = rng.random()
            if luck < 0.25:
                driver.jam(rng.uniform(240, 2_000))
            elif luck < 0.4:
                driver.tunnel(rng.randint(20, 700), cruise)
            elif luck < 0.43:
                driver.ferry()
        driver.drive(rng.uniform(500, 4_000), cruise)
        if rng.random() < 0.4:
            driver.stop(rng.randint(900, 7_200), rng.randint(1, 3))
        else:
            driver.stop(round(math.exp(rng.uniform(math.log(LEAST_STOP_S), math.log(12_000)))))
    driver.drive(3_000, 12)
    return driver.way

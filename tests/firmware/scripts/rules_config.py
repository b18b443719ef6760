"""Configuration and identity: judged whole, kept whole."""

import os

import rules

from milepost_device import config, crash

FOLDER = "/tmp/milepost-config-%d" % id(rules)


def fresh(name):
    try:
        os.mkdir(FOLDER)
    except OSError:
        pass
    path = FOLDER + "/" + name
    for p in (path, path + ".new"):
        try:
            os.remove(p)
        except OSError:
            pass
    return path


def test_defaults_are_valid():
    assert config.validate(config.defaults()) is None


def test_every_limit_is_kept_on_both_sides():
    for key, (low, high, default) in config.LIMITS.items():
        assert low <= default <= high, key
        wanted = {"version": 1, "stationary_interval_s": 86400}
        for value in (low, high):
            wanted[key] = value
            if key == "stationary_interval_s":
                wanted["report_interval_s"] = 1
            assert config.validate(wanted) is None, (key, value)
        for value in (low - 1, high + 1, 1.5, "1", None, True, [1]):
            wanted[key] = value
            text = config.validate(wanted)
            assert text and text.startswith(key), (key, value, text)


def test_version_is_needed():
    for wanted in ({}, {"version": -1}, {"version": True}, {"version": "1"}, {"version": 1 << 30}):
        assert config.validate(wanted).startswith("version")
    for wanted in (None, [], 5, "x"):
        assert config.validate(wanted) == "not a JSON object"


def test_gates():
    assert config.validate({"version": 1, "gates": {"inner": 4}}) is None
    assert config.validate({"version": 1, "gates": {}}) is None
    for gates in ([], {"side": 4}, {"inner": 99}, {"inner": "4"}, {"inner": 4, "outer": 4}):
        assert config.validate({"version": 1, "gates": gates}).startswith("gates"), gates


def test_rules_between_keys():
    wanted = {"version": 1, "report_interval_s": 600, "stationary_interval_s": 60}
    assert config.validate(wanted).startswith("stationary_interval_s")


def test_unknown_keys_of_a_newer_backend_are_kept():
    assert config.validate({"version": 1, "later": {"a": 1}}) is None
    assert config.merge({"version": 1, "later": 5})["later"] == 5


def test_file_is_replaced_whole_and_a_torn_new_one_is_not_looked_at():
    path = fresh("config.json")
    assert config.load_config(path) == config.defaults()
    config.save(path, {"version": 3, "batch_max": 512})
    with open(path + ".new", "w") as f:
        f.write('{"version": 4, "batch_')  # power went in the middle of the next one
    assert config.load_config(path)["version"] == 3
    config.save(path, {"version": 5})
    assert config.load_config(path)["version"] == 5
    assert config.load_config(path)["batch_max"] == 1024


def test_spoilt_or_invalid_files_give_the_defaults():
    path = fresh("config.json")
    for text in ("", "{", "[1]", '{"version": 1, "batch_max": 5}', "\x00\x01"):
        with open(path, "w") as f:
            f.write(text)
        assert config.load_config(path) == config.defaults(), text


def test_identity():
    good = {"device": "a0-1", "role": "tracker", "broker": {"host": "h", "port": 1883}}
    assert config.check_identity(good) is None
    for key, value in (
        ("device", ""),
        ("device", "x" * 13),
        ("device", "A1"),
        ("device", "a/b"),
        ("device", 5),
        ("role", "gate"),
        ("broker", None),
        ("broker", {"host": "", "port": 1}),
        ("broker", {"host": "h", "port": "1883"}),
    ):
        bad = dict(good)
        bad[key] = value
        assert config.check_identity(bad).startswith("identity.json"), (key, value)
    assert config.check_identity(None)


def test_crashes_are_counted_told_once_and_forgiven():
    path = fresh("crash.json")
    assert (crash.count(path), crash.trace(path)) == (0, "")
    try:
        [][5]
    except IndexError as e:
        error = e
    assert crash.note(error, 10, path) == 1
    assert crash.note(error, 10, path) == 2
    assert "IndexError" in crash.trace(path) and len(crash.trace(path)) <= 400
    crash.reported(path)
    assert (crash.count(path), crash.trace(path)) == (2, "")
    assert crash.note(error, 61, path) == 0, "a crash after a minute is not one of a loop"
    crash.note(error, 10, path)
    crash.healthy(path)
    crash.healthy(path)
    assert crash.count(path) == 0


rules.main(globals())

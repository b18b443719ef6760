"""The bench `epc` counts right decodes and nothing else."""

from milepost_tools.bench import epc


def test_the_vectors_are_eleven_and_all_come_out_right(monkeypatch):
    monkeypatch.setattr(epc, "_TURNS", 1)
    monkeypatch.setattr(epc, "_TAGS", 2_000)
    figures = {row["metric"]: row["value"] for row in epc.run()}
    assert len(epc.VECTORS) == figures["gs1_vectors_ok"] == 11
    monkeypatch.setattr(epc, "VECTORS", (*epc.VECTORS[1:], (epc.VECTORS[0][0], epc.VECTORS[1][1])))
    assert {row["metric"]: row["value"] for row in epc.run()}["gs1_vectors_ok"] == 10

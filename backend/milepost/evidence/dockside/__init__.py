"""The correlator at the live doors: portions kept, a hall that judges them, facts as differences (decision 31)."""

"""EPCIS 2.0 and CBV 2.0: our facts as events, events of partners as evidence, and the query over both."""

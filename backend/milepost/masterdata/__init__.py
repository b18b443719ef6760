"""Base data shared by all (OQ-1): branches with their regions, companies in their five roles, goods with aliases."""

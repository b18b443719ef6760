"""Figures and exports: KPI, penalty points as proposals, the judge of files."""

"""Arithmetic: dates, won and text in, dates, won and text out. No database, network or clock."""

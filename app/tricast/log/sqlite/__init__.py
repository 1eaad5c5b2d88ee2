"""A log in one SQLite file: one thread writes, few connections read. SQL is only in here."""

from tricast.log.sqlite.backup import backup
from tricast.log.sqlite.inspection import ClassInspection, Inspection, inspect
from tricast.log.sqlite.log import SQLiteLog

__all__ = ["ClassInspection", "Inspection", "SQLiteLog", "backup", "inspect"]

"""Files and bodies of clients into typed tables: sniff, check, report."""

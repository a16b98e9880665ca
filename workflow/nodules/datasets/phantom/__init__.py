"""Built-in chest CT scans in LUNA16's form, with nodules shaped by real readers' outlines."""

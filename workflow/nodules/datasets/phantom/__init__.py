"""Built-in chest CT scans in the shape of LUNA16, with nodules of real readers' outlines."""

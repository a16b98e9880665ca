"""The page on which a reader accepts, rejects and adds nodules."""

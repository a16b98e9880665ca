"""What people look at: figures, gallery, pages."""

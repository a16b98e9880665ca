"""Results for people: figures, gallery, pages, viewer."""

"""Files of still pictures: the table of their formats, and the writers of PNG and TIFF."""

"""Files of still pictures: the table of their formats, the writers of PNG and TIFF, and sequences of them."""

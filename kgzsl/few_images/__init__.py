"""Room 3, few images: a synthesized classifier and the first pictures of its class, blended in closed form.

In: the row that was predicted for a class, and what is kept of its pictures (`ClassPictures`). Out: a row of the
same bank. What the prediction is worth in pictures is learned from seen classes alone (`RowPrior.fit`).
"""

from kgzsl.few_images.class_pictures import ClassPictures, load_pictures, pictures_by_class, save_pictures
from kgzsl.few_images.row_prior import BlendedRows, RowPrior

__all__ = ["BlendedRows", "ClassPictures", "RowPrior", "load_pictures", "pictures_by_class", "save_pictures"]

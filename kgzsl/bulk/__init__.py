"""Room 9, many pictures: features or answers for more rows than one process wants to hold, on one machine or on many.

In: a folder of pictures, Parquet files, or a feature file, here or in an object store; a run folder or a backbone. Out:
a folder of numbered Parquet files, one a block of the source.

The source is cut into blocks, always the same ones. Whoever works on a block writes its file whole or not at all; a
file that is there is a block that is done. So a run that was stopped goes on, a worker that died is replaced, and a
block done twice is the same file: no row is lost, none stands there twice. Ray Data hands blocks to workers, replaces
those that die and bounds what is under way; without it one process does the same work. pyarrow and ray appear in this
room alone, and are imported when they are first needed.

| module          | holds                                                                     |
|-----------------|---------------------------------------------------------------------------|
| `places`        | `Place`: a folder or file here or in an object store                       |
| `sources`       | `open_source`: which of the three below it is; `Block`, `Rows`             |
| `parquet`       | rows of Parquet files: vectors, or pictures as bytes                       |
| `picture_files` | a folder or list of pictures                                              |
| `feature_files` | the project's feature files                                               |
| `decoding`      | pictures to features, decoded ahead of the network by a bounded number     |
| `tasks`         | `PredictTask`, `ExtractTask`: what becomes of a block's rows               |
| `output`        | `OutputFolder`: numbered files, and the record of what they are made from  |
| `engine`        | the blocks, one after the other or on Ray                                  |
| `job`           | `predict_in_bulk`, `extract_in_bulk`, `BulkReport`                         |
"""

from kgzsl.bulk.engine import BlockDone, Workers
from kgzsl.bulk.job import BulkReport, extract_in_bulk, predict_in_bulk
from kgzsl.bulk.sources import Block, Rows, Source, open_source
from kgzsl.bulk.tasks import ExtractTask, PredictTask

__all__ = [
    "Block",
    "BlockDone",
    "BulkReport",
    "ExtractTask",
    "PredictTask",
    "Rows",
    "Source",
    "Workers",
    "extract_in_bulk",
    "open_source",
    "predict_in_bulk",
]

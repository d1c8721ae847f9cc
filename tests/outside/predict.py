"""predict.py MODEL.keras ROWS.json: Keras' predictions for rows, as JSON.

The model is loaded in safe mode, so a model that only loads with arbitrary code fails here.
"""

import json
import sys

import keras
import numpy


def main(model_path, rows_path):
    model = keras.models.load_model(model_path, safe_mode=True)
    with open(rows_path, encoding="utf-8") as file:
        rows = numpy.array(json.load(file), dtype="float32")
    predictions = model.predict(rows, verbose=0)
    json.dump(numpy.asarray(predictions).tolist(), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])

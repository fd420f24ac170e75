"""How wrong a recording probably is, from what the chain knows of it without any truth.

features.py what is known · targets.py which errors are predicted · model.py from features to an error with an interval ·
stage.py the stage that writes it into each item · embedded.json what was learnt for the recipe that ships, by
`python -m sepdiar.evaluation.calibration`
"""

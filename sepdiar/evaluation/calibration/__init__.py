"""Does the predicted error hold? `python -m sepdiar.evaluation.calibration MANIFEST --out eval/calibration`.

rows.py dialogues whose truth is known, and what the chain that ships makes of them · held.py what is learnt on some of them,
tested on others · sheets.py tables · __main__.py the command
"""

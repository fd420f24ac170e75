"""All results on one page, from what the measuring commands wrote: `python -m sepdiar.evaluation.summary`."""

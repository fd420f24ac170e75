"""Speech for tests, made of nothing: syllables with a pitch and formants, so that detectors and clustering behave as on speech.

    from sepdiar.simulation import simulate
    from sepdiar.testing import voices

    simulate(voices(tmp_path), tmp_path / "dialogues")

It takes no file, no network and no model, and is the same for the same seed.
"""

from sepdiar.testing.syllables import Speaker, speaker, speech, voices

__all__ = ["Speaker", "speaker", "speech", "voices"]

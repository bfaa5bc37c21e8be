"""Lists of prompts on the command line: every line is a run of its own, so each result knows what was asked."""

from pathlib import Path
from typing import Any

from engine import console
from engine.errors import InputError
from engine.jobs import GenerateJob
from engine.project import Project
from engine.text.asking import jobs_of, prompt_of
from engine.text.prompts import prompts_of


def read_list(path: str) -> str:
    """The text of a list of prompts. Raises InputError that names the file, and the line that is none."""
    try:
        text = Path(path).read_text("utf-8-sig")
        prompts_of(text)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"--prompts {path} cannot be read ({error}); write a text file, one prompt per line"
        ) from error
    except InputError as error:
        raise InputError(f"--prompts {path}: {error}") from error
    return text


def draw_list(text: str, like: GenerateJob, project: Project) -> dict[str, Any]:
    """Draw what each line of a list asks, all else as in ``like`` -> prompts[{prompt, run, shapes}], shapes of all, seconds.

    All are entered first: where it is stopped, the rest wait and `resume` goes on with them.
    """
    from engine import pipeline

    waiting = [project.submit(job) for job in jobs_of(text, like)]
    told: list[dict[str, Any]] = []
    seconds = 0.0
    for number, job in enumerate(waiting, 1):
        assert isinstance(job, GenerateJob)
        console.say(f"{number} of {len(waiting)}: {prompt_of(job.changes)}")
        drawn = console.follow(pipeline.run(job, project))
        told.append({"prompt": prompt_of(job.changes), "run": drawn["run"], "shapes": drawn["shapes"]})
        seconds += drawn["seconds"]
    return {"prompts": told, "shapes": [name for one in told for name in one["shapes"]], "seconds": round(seconds, 2)}

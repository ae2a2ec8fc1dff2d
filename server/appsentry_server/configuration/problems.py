"""What is wrong with a configuration: every mistake with its place, all of them in one error."""

from dataclasses import dataclass

from appsentry_contract.errors import AppSentryError


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake: where it stands, and what was expected and found there. Never the value of a secret."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        path = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}: {path}{self.message}"


class ConfigurationError(AppSentryError, ValueError):
    """The configuration cannot be used. Its text is one line a problem, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    def brief(self, most: int = 5) -> str:
        """The first problems, and how many more there are: a message for people, however bad the file is."""
        shown = [str(problem) for problem in self.problems[:most]]
        left = len(self.problems) - len(shown)
        return "; ".join([*shown, f"and {left} more"] if left else shown)

"""Pages of the console, grouped as people look for them, and who may open which."""

from collections.abc import Collection

from gateway.team.people import Right

PLACES = (
    (
        "Team",
        (
            ("My channels", "/me", Right.READ),
            ("Phone page", "/phone", Right.ANSWER),
            ("Rota", "/rota", Right.READ),
            ("People", "/people", Right.ADMINISTER),
        ),
    ),
    (
        "Machine",
        (
            ("Sources", "/sources", Right.READ),
            ("Destinations", "/destinations", Right.READ),
            ("Orders", "/orders", Right.NAMES),
            ("Storage", "/storage", Right.READ),
            ("Runs", "/jobs", Right.READ),
            ("Readiness", "/readyz", Right.READ),
        ),
    ),
    (
        "Figures",
        (
            ("Times", "/times", Right.READ),
            ("Statistics", "/statistics", Right.READ),
            ("Audit", "/audit", Right.AUDIT),
            ("Interface", "/docs", Right.READ),
        ),
    ),
)
"""Title of a group, and its pages: what they are called, where they are, and the right to open them."""

Place = tuple[str, str]


def places_for(rights: Collection[Right]) -> list[tuple[str, list[Place]]]:
    """Groups with the pages that somebody may open; groups without one are left out.

    >>> [title for title, _ in places_for({Right.READ})], places_for(set())
    (['Team', 'Machine', 'Figures'], [])
    """
    open_to = (
        (title, [(text, address) for text, address, right in pages if right in rights])
        for title, pages in PLACES
    )
    return [(title, pages) for title, pages in open_to if pages]

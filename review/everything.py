"""Every requirement, in the order in which a report tells of them."""

from review import account, by_hand, goods, ordering, policies, reaching, safety, seller
from review.requirement import Requirement

EVERYTHING: tuple[Requirement, ...] = tuple(
    requirement
    for chapter in (reaching, seller, goods, ordering, account, policies, safety, by_hand)
    for requirement in chapter.theme.requirements
)

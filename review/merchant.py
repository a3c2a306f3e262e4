"""The merchant's facts as the reviewers compare them with the 사업자등록증."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules import business_number


@dataclass(frozen=True)
class Merchant:
    """Who sells, in the words of the settings."""

    shop_name: str
    company: str
    representative: str
    number: str
    mail_order: str
    address: str
    phone: str

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Merchant":
        """Return the merchant of the shop's settings."""
        return cls(
            shop_name=settings["SHOP_NAME"],
            company=settings["BIZ_COMPANY"],
            representative=settings["BIZ_REP"],
            number=business_number.formatted(settings["BIZ_NO"]),
            mail_order=settings["BIZ_MAILORDER_NO"] or settings["BIZ_MAILORDER_EXEMPT"],
            address=settings["BIZ_ADDR"],
            phone=settings["BIZ_TEL"],
        )

    @property
    def footer_facts(self) -> dict[str, str]:
        """Return what the reviewers look for at the foot of every page, with its label."""
        return {
            "상호명": self.company,
            "대표자명": self.representative,
            "사업자등록번호": self.number,
            "통신판매업신고번호": self.mail_order,
            "사업장 주소": self.address,
            "유선전화번호": self.phone,
        }

    def missing_from(self, footer: str) -> list[str]:
        """Return the facts that the footer of a page does not show character for character."""
        shown = " ".join(footer.split())
        return [
            f"{label} {fact}"
            for label, fact in self.footer_facts.items()
            if " ".join(fact.split()) not in shown
        ]

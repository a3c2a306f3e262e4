"""Kill the shop's processes and break Toss's answers, then look whether a promise was broken."""

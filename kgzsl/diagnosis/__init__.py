"""Room 9, diagnosis: what is installed, found and missing on this machine, each with what mends it.

`diagnose` looks at packages (`packages`: the core's and those of every extra) and at places (`places`: the device,
shipped graphs, WordNet, the text encoder, backbones, the cache). No extra is imported, nothing is fetched, and whatever
goes wrong while looking becomes a finding.
"""

from kgzsl.diagnosis.examination import diagnose, to_text
from kgzsl.diagnosis.finding import Finding, State

__all__ = ["Finding", "State", "diagnose", "to_text"]

"""Readable ids: a name for somebody who gave none, such as ``calm-otter-42``. The same visitor always has the same one.

The lists are append-only: taking a word out or moving one would rename people.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

ADJECTIVES = (
    "able agile airy alert amber ample apt arctic autumn azure bold brave breezy bright brisk bronze bubbly busy calm candid "
    "careful caring cedar cheery chief chilly civic clean clear clever cloudy coastal cool copper coral cosmic cosy crafty creamy "
    "crimson crisp crystal curious curly dainty dandy daring dawn dear deep deft dewy dreamy dusky eager early earnest "
    "easy ebony elder elegant emerald epic even exact fair fancy fast fearless feisty fine firm fluent fluffy fond "
    "frank free fresh friendly frosty gallant garnet gentle giant gifted glad gleaming global golden good grand grateful great "
    "green happy hardy hazel hearty helpful hidden honest hopeful humble icy ideal indigo inland ivory jade jaunty jolly "
    "jovial joyful keen kind large lasting lavish leafy light lilac lively local lofty loyal lucid lucky lunar magic "
    "major maple marble mellow merry mighty mild minty misty modest mossy native neat new nimble noble northern novel "
    "oaken ocean olive open opal orange pacific patient peach peppy placid plain playful plucky polar polite poppy prime "
    "proud pure quaint quick quiet radiant rapid rare ready regal rosy round royal ruby rustic sandy scarlet serene "
    "sharp shiny silent silver simple sincere sleek smart smooth snowy soft solar solid sonic spicy spry stellar"
).split()

NOUNS = (
    "acorn alder almond anchor ant anvil apple apricot arch aspen aster atlas avocado badger bamboo banjo barley basil basin bay "
    "beacon bear beaver beech bell berry birch bison bloom bobcat bonsai book boulder bramble branch breeze brick bridge brook bucket "
    "buffalo bugle bunting butter cabin cactus camel candle canoe canyon caper caravan cardinal carrot cashew castle cedar cello chalk cherry "
    "chestnut chime cider cinnamon citrus clam clarinet cliff clover coast cobalt cocoa comet compass condor copper coral cork cosmos cottage "
    "cotton cove coyote crab cranberry crane crater creek cricket crocus crow crown cypress daffodil dahlia daisy dandelion date delta desert dew "
    "dolphin dove dragonfly drum duck dune eagle echo elk elm ember emu falcon fawn feather fennel fern ferry fiddle field "
    "fig finch fir firefly fjord flamingo flax flint flute forest fossil fountain fox foxglove frog galaxy garden garlic gazelle gecko "
    "geyser ginger giraffe glacier glade globe goat goose grape grove guitar gull hamlet hammock harbor hare harp hawk hazel heath "
    "hedge heron hickory hill honey hornet horizon horse ibex iceberg ibis inlet iris island ivy jaguar jasmine jay juniper kayak "
    "kelp kestrel kettle kiwi koala lagoon lake lantern larch lark laurel lava lavender leaf lemon lemur lentil lichen lily "
    "lime linden lion lizard llama lobster lotus lynx lyre magnolia magpie mango maple marlin marmot marsh meadow melon meteor "
    "mill mint mist mole moon moose moss moth mountain mulberry mussel nebula nectar newt nutmeg oak oasis oat ocean "
    "olive onyx orbit orchard orchid oriole osprey otter owl oyster paddle palm panda pansy papaya parrot peach peak pear "
    "pearl pebble pecan pelican peony pepper pheasant piano pigeon pine pistachio planet plum pond poplar poppy prairie puffin puma "
    "quail quartz quince rabbit raccoon radish rain raven reed reef ridge river robin rose rowan saffron sage salmon sparrow "
    "spruce squirrel starling stone stork"
).split()


def readable_id(visitor_id: UUID) -> str:
    """Return the visitor's readable id: adjective, noun, and a number from 01 to 99."""
    digest = hashlib.blake2b(visitor_id.bytes, digest_size=12).digest()
    adjective, noun, number = (int.from_bytes(digest[start : start + 4]) for start in (0, 4, 8))
    return f"{ADJECTIVES[adjective % 200]}-{NOUNS[noun % 300]}-{number % 99 + 1:02}"

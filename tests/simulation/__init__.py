"""The production code in one thread under virtual time; a seed decides everything that happens.

In the sense of FoundationDB's simulation and TigerBeetle's VOPR. `python -m simulation` runs many
seeds; the same seed of the same commit is the same run, to the last interleaving.

    scheduler    greenlets, virtual time, who goes on
    scenario     what is there and what is uploaded, by seed
    trouble      what goes wrong when, by seed
    network      the way of each call, with what goes wrong on it
    function     Lambda and its queue: invocations, time-outs, kills
    oracle       what must come of it: records in order, one at a time, no faults
    invariants   what must hold at each step and at the end
    simulation   all of it together: one seed
"""

"""The production code in one thread under virtual time; a seed decides everything that happens.

In the sense of FoundationDB's simulation and TigerBeetle's VOPR. `python -m simulation` runs many
seeds; the same seed of the same commit is the same run, to the last interleaving.

    scheduler    greenlets, virtual time, who goes on
    scenario     what is there and what is uploaded, by seed
    mishaps      what goes wrong when, by seed
    trouble      what that does to each call
    network      the way of each call, there and back
    function     Lambda and its queue: invocations, time-outs, kills
    oracle       what must come of it: records in order, one at a time, no faults
    invariants   what must hold at each step; closing: of each file that is closed
    simulation   all of it together: one seed; many: on all cores; story: to be read
"""

"""Phrases from which the benches' speeches are composed."""


def _split_phrases(text: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in text.split("/")]


TOPICS = _split_phrases("""
    family / food / work / health / technology / nature / education / culture / money / weather /
    sports / music / housing / transport / politics / science / history / fashion / friendship /
    holidays
""")
SUBJECTS = _split_phrases("""
    my sister / the teacher / our neighbours / the new manager / a friend of mine / the doctor / my
    grandparents / the driver / everyone here / the children / her boss / a stranger / the whole
    team / his cousin / the student next door / the waiter / the committee / two tourists / the
    engineer / nobody in my class / the mayor / an old sailor / the nurse / your brother
""")
VERBS = _split_phrases("""
    lost the keys / bought a ticket / asked for help / cooked dinner / missed the last bus / changed
    the plan / found a wallet / made an appointment / learned to swim / told a long story / forgot
    the password / painted the fence / saw a film / repaired the engine / wrote a letter / ordered
    soup / gave a speech / borrowed my umbrella / played the piano / signed the contract / cancelled
    the meeting / heard the news / planted a tree / sold the house / drew a map
""")
PLACES = _split_phrases("""
    at the station / in the kitchen / near the river / at work / on the beach / behind the museum /
    in the library / at the airport / outside the theatre / in a small village / on the second floor
    / at the market / across the street / by the harbour / in the mountains / under the bridge / at
    the hospital / in the garden / on the train / at home
""")
TIMES = _split_phrases("""
    yesterday / last week / this morning / before lunch / after the holidays / on Monday / two years
    ago / every evening / at the weekend / late at night / in the spring / just now / without any
    warning / for the first time / once again
""")
JOINS = _split_phrases("""
    and / because / although / so / while / even though / as soon as / before / until / unless
""")
QUESTIONS = _split_phrases("""
    Did you know that / Do you remember when / Is it true that / Why do you think / Have you heard
    that
""")

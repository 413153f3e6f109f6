"""Vocabulary for random sentences: a few dozen words per language."""

import numpy as np

_WORDS = {
    "en-us": "the a about people maybe problem morning before water mother we really want to go "
    "home because everybody sometimes beautiful something number put up big small company Bob "
    "Mary remember is was from happy above important paper open and but my",
    "de": "der die das mein Apfel Baum immer weiter machen haben Problem guten Morgen wir bleiben "
    "aber oben unter Papier sprechen Mutter Wasser bitte warum vielleicht überall schön und Peter "
    "Berlin kommt nie zum Abend",
    "fr": "le la une bonjour maman papa petit beaucoup problème pomme pourquoi toujours avec "
    "nous avons mais parler maison où belle demain impossible bateau monde et Pierre Marie",
    "es": "el la una bueno mamá papá poco problema hombre porque siempre nosotros tenemos pero "
    "hablar casa mañana imposible barco mundo y Pablo María abuela también cuando",
    "it": "il la una buono mamma papà poco problema uomo perché sempre abbiamo però parlare casa "
    "domani impossibile barca mondo e Paolo bambino bello tempo quando",
    "pt": "o a uma bom mamãe papai pouco problema homem porque sempre temos mas falar casa amanhã "
    "impossível barco mundo e Pedro também bonito tempo quando",
    "ru": "мама папа баба большой проблема потому всегда мы имеем но говорить дом завтра "
    "невозможно мир и Пётр время когда вместе берег может быть",
    "pl": "mama babcia mały problem ponieważ zawsze mamy ale mówić dom jutro niemożliwe "
    "świat i Piotr piękny czas kiedy woda pomoc może być",
    "nl": "de het een moeder papa klein probleem omdat altijd wij hebben maar spreken huis morgen "
    "onmogelijk boot wereld en Pieter mooi tijd wanneer water blijven",
    "sv": "en ett mamma pappa liten problem därför alltid vi har men tala hem imorgon omöjligt "
    "båt världen och Peter vacker tid vatten blir inte bara",
    "tr": "bir anne baba küçük problem çünkü her zaman biz ama konuşmak ev yarın imkansız "
    "dünya ve Mehmet güzel bugün su merhaba bana",
    "hi": "माँ पापा बाबा छोटा समस्या हमेशा हम लेकिन बोलना घर कल दुनिया और सुंदर समय पानी बहुत मेरा नाम",
    "cmn-latn-pinyin": "ni3 hao3 ming2tian1 wo3men5 pa4 mao1 ba4ba5 ma1ma5 peng2you3 bei3jing1 "
    "shui3 bu4 mei3 ren2 wei4shen2me5 xie4xie5 zai4 da4 xiao3",
    "ja": "わたし ありがとう まいばん ぱぱ さくら おはよう みず いつも "
    "しかし はなす いえ あした せかい と ともだち べんり まもなく",
    "fi": "minä äiti isä pieni ongelma koska aina meillä mutta puhua talo huomenna mahdoton vene "
    "maailma ja Pekka kaunis aika vesi hyvää päivää",
    "el": "μαμά μπαμπάς μικρό πρόβλημα γιατί πάντα εμείς αλλά μιλάω σπίτι αύριο αδύνατο βάρκα "
    "κόσμος και Πέτρος όμορφο νερό καλημέρα",
    "hu": "anya apa kicsi probléma mert mindig nekünk van de beszélni ház holnap lehetetlen hajó "
    "világ és Péter szép idő víz jó napot",
}
LANGUAGES: tuple[str, ...] = (
    *("en-us", "en-gb-x-rp", "de", "fr", "es", "es-419", "it", "pt", "pt-br", "ru", "pl"),
    *("nl", "sv", "tr", "hi", "cmn-latn-pinyin", "ja"),
)
HELD_OUT_LANGUAGES = ("fi", "el", "hu")
_SAME_WORDS = {"en-gb-x-rp": "en-us", "es-419": "es", "pt-br": "pt"}


def sentence(rng: np.random.Generator, language: str) -> str:
    """Draw a few words of a language, with commas, numbers and a final mark."""
    words = _WORDS[_SAME_WORDS.get(language, language)].split()
    chosen = []
    for _ in range(int(rng.integers(2, 13))):
        word = str(rng.choice(words))
        if rng.random() < 0.05:
            word = str(rng.integers(1, 2000))
        chosen.append(word + ("," if rng.random() < 0.09 else ""))
    return " ".join(chosen) + str(rng.choice([".", ".", ".", "!", "?"]))

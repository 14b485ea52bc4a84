"""The provider that needs no key and no network: forced alignment with the acoustic model of pocketsphinx."""

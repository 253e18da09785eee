"""IVOA ProvenanceDM records, the recorder, ProvSAP and the serialisations."""

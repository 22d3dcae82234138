"""The stroke team: who they are (`people`), how they are reached (`contacts`), when (`rota`) and what they answer (`answering`)."""

"""The campaign of disconnects: clients of live progress come and go while gateways and broker are killed, and what each
was told must be what the topics hold: all of it, once, in order.
"""

"""What can go wrong with the warehouse, by remedy. (A file of its own: the command line names these in every error.)"""


class WarehouseDown(Exception):
    """No ClickHouse answers: wait and try again. The message says where it was looked for."""


class BadSql(Exception):
    """ClickHouse refuses the statement; the message is its reason."""

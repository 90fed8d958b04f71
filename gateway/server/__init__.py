"""The gateway's HTTP application: tasks, agents, experiments, questions and schemas by HTTP, and who may ask for what.

`app.py` puts it together and `__main__.py` runs it. A route is declared once, in the table at the end of its file in
`routes/`: its address, who may call it, the check of what is sent, and its part of the OpenAPI document come from it.
"""

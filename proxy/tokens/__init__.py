"""How many tokens a request or an answer has, by OpenAI's rules as far as they are known. Nothing here is loaded
before somebody asks.
"""

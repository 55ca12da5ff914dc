"""A Sheets v4 HTTP server for tests: gspread and google-auth talk to it as they do to Google.

What it knows of Google's behaviour comes from the public reference of the API and from what gspread expects. The shapes
of requests and answers are compared with Google's discovery document (see ``discovery``); the behaviour has not been
compared with Google's own servers.
"""

from tests.sheets_server.model import Formula, Sheet, Spreadsheet
from tests.sheets_server.person import Person
from tests.sheets_server.server import Asked, Exchange, Fault, SheetsServer, running

__all__ = ["Asked", "Exchange", "Fault", "Formula", "Person", "Sheet", "SheetsServer", "Spreadsheet", "running"]

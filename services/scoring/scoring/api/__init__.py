from scoring.api import capabilities, scores

routers = (scores.router, capabilities.router)

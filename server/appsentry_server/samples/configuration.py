"""The demo's configuration: real checks of the sample applications, often enough to watch."""

import json

from appsentry_server.samples.process import PASSWORD, USERNAME, Addresses

_TEMPLATE = """\
# The sample applications of the demo. Addresses change with every start.
defaults: {{interval: 2s, timeout: 5s, confirm: 2, retry_interval: 1s}}
applications:
  - id: storefront
    name: Storefront
    group: Shop
    tags: [tier-1, web]
    sla: {{target: 99.9, window: 30d}}
    checks:
      - type: health
        url: {storefront}/health
        expect: {{status: 200, json: {{$.status: ok}}}}
        degraded_above: 500ms
      - type: health
        id: front-page
        url: {storefront}/
        expect: {{text: Welcome}}
        interval: 5s

  - id: search  # drifts slower for minutes, then starts over
    name: Search
    group: Shop
    tags: [tier-2, api]
    sla: {{target: 99.5, window: 30d}}
    checks:
      - {{type: health, url: {search}/health, degraded_above: 600ms}}

  - id: recommendations  # up and down
    name: Recommendations
    group: Shop
    tags: [tier-3, api]
    sla: {{target: 90, window: 7d}}
    checks:
      - {{type: health, url: {recommendations}/health, interval: 1s}}

  - id: accounts
    name: Accounts
    group: Customers
    tags: [tier-1, web]
    sla: {{target: 99.9, window: 30d}}
    checks:
      - {{type: health, url: {accounts}/health}}
      - type: login
        url: {accounts}/login
        username: env:{username}
        password: env:{password}
        expect: {{text: Dashboard}}
        interval: 5s

  - id: payments-gateway  # its certificate is about to expire
    name: Payments gateway
    group: Customers
    tags: [tier-1, api]
    sla: {{target: 99.95, window: 30d}}
    checks:
      - type: health
        url: {payments_gateway}/health
        tls: {{ca: {ca}}}
        certificate_degraded_below: 14d

  - id: reporting  # out for 20 s now and then
    name: Reporting
    group: Back office
    tags: [tier-3, batch]
    sla: {{target: 95, window: 7d}}
    checks:
      - {{type: health, url: {reporting}/health}}
"""


def configuration(addresses: Addresses) -> str:
    """The YAML text of a configuration for sample applications at these addresses."""
    # JSON strings are YAML strings, whatever a path holds.
    urls = {name.replace("-", "_"): url for name, url in addresses.urls.items()}
    return _TEMPLATE.format(**urls, ca=json.dumps(str(addresses.ca)), username=USERNAME, password=PASSWORD)

"""Running servers: who owns them, who borrows them, when they are ready."""

from .broker import Broker, Watch
from .demand import Demand
from .remote import BrokerServer, RemoteBroker
from .spec import DeploymentSpec, Lender

__all__ = ["Broker", "BrokerServer", "Demand", "DeploymentSpec", "Lender", "RemoteBroker", "Watch"]

"""A web server on one Windows machine: edit scripts/install-iis.ps1, run `pulumi up`, and it runs again.

pulumi config set --secret adminPassword ...
pulumi config set --secret registrationKey ...
pulumi up
"""

import pulumi
from pulumi_azure_native import compute, network, resources

from cse_component import CustomScriptExtension

config = pulumi.Config()
site = config.get("site") or "shop"

group = resources.ResourceGroup("quickstart", location=pulumi.Config("azure-native").get("location") or "swedencentral")

# Nothing is open to the internet, and nothing needs it: the script travels in the extension's settings.
vnet = network.VirtualNetwork(
    "vnet",
    resource_group_name=group.name,
    location=group.location,
    address_space={"address_prefixes": ["10.0.0.0/16"]},
)
subnet = network.Subnet(
    "subnet",
    resource_group_name=group.name,
    virtual_network_name=vnet.name,
    address_prefix="10.0.1.0/24",
)
nic = network.NetworkInterface(
    "nic",
    resource_group_name=group.name,
    location=group.location,
    ip_configurations=[{"name": "ipconfig", "subnet": {"id": subnet.id}}],
)

vm = compute.VirtualMachine(
    "web",
    resource_group_name=group.name,
    location=group.location,
    hardware_profile={"vm_size": config.get("vmSize") or "Standard_D2s_v5"},
    os_profile={
        "computer_name": "web",
        "admin_username": config.get("adminUsername") or "azureadmin",
        "admin_password": config.require_secret("adminPassword"),
        "windows_configuration": {"provision_vm_agent": True},  # the agent runs extensions
    },
    storage_profile={
        "image_reference": {
            "publisher": "MicrosoftWindowsServer",
            "offer": "WindowsServer",
            "sku": "2022-datacenter-azure-edition",
            "version": "latest",
        },
        "os_disk": {
            "create_option": compute.DiskCreateOptionTypes.FROM_IMAGE,
            "delete_option": compute.DiskDeleteOptionTypes.DELETE,
            "managed_disk": {"storage_account_type": compute.StorageAccountTypes.STANDARD_SS_D_LRS},
        },
    },
    network_profile={"network_interfaces": [{"id": nic.id}]},
    # Two machines cannot share the network interface, not even while one replaces the other.
    opts=pulumi.ResourceOptions(delete_before_replace=True),
)

web = CustomScriptExtension(
    "web",
    {
        "resource_group_name": group.name,
        "vm_name": vm.name,
        "location": vm.location,
        "scripts": [
            {"path": "scripts/install-iis.ps1", "arguments": [site, config.require_secret("registrationKey")]},
        ],
    },
)

pulumi.export("site", site)
pulumi.export("timestamp", web.timestamp)

# Installs IIS with one page. Each step may be repeated: this script runs again whenever it changes.
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [ValidatePattern('^[a-z0-9-]+$')] [string] $Site,
    [Parameter(Mandatory)] [string] $RegistrationKey
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

Install-WindowsFeature -Name Web-Server -IncludeManagementTools | Out-Null

$root = "C:\inetpub\$Site"
New-Item -ItemType Directory -Path $root -Force | Out-Null
Set-Content -Path "$root\index.html" -Value "<h1>Welcome to $Site</h1>"

Import-Module WebAdministration
Set-ItemProperty -Path 'IIS:\Sites\Default Web Site' -Name physicalPath -Value $root

# For the application. Only administrators and the system may read it, and it is never printed.
$secrets = "C:\ProgramData\$Site"
New-Item -ItemType Directory -Path $secrets -Force | Out-Null
icacls $secrets /inheritance:r /grant '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' | Out-Null
if ($LASTEXITCODE -ne 0) { throw "icacls could not protect $secrets, exit code $LASTEXITCODE" }
Set-Content -Path "$secrets\registration.key" -Value $RegistrationKey -NoNewline

Write-Output "$Site is served from $root"

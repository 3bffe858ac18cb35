/* An IFD handler whose card answers 9000 at once: what pcscd itself costs. */
#include <ifdhandler.h>
#include <string.h>

static const unsigned char atr[] = { 0x3B, 0x80, 0x80, 0x01, 0x01 };

RESPONSECODE IFDHCreateChannelByName(DWORD lun, LPSTR name) { return IFD_SUCCESS; }
RESPONSECODE IFDHCreateChannel(DWORD lun, DWORD channel) { return IFD_SUCCESS; }
RESPONSECODE IFDHCloseChannel(DWORD lun) { return IFD_SUCCESS; }
RESPONSECODE IFDHICCPresence(DWORD lun) { return IFD_ICC_PRESENT; }

RESPONSECODE IFDHGetCapabilities(DWORD lun, DWORD tag, PDWORD length, PUCHAR value)
{
    switch (tag) {
    case TAG_IFD_SLOTS_NUMBER:
    case TAG_IFD_THREAD_SAFE:
    case TAG_IFD_SLOT_THREAD_SAFE:
    case TAG_IFD_SIMULTANEOUS_ACCESS:
        *value = 1;
        *length = 1;
        return IFD_SUCCESS;
    default:
        *length = 0;
        return IFD_ERROR_TAG;
    }
}

RESPONSECODE IFDHSetCapabilities(DWORD lun, DWORD tag, DWORD length, PUCHAR value)
{
    return IFD_NOT_SUPPORTED;
}

RESPONSECODE IFDHSetProtocolParameters(DWORD lun, DWORD protocol, UCHAR flags, UCHAR pts1,
                                       UCHAR pts2, UCHAR pts3)
{
    return IFD_SUCCESS;
}

RESPONSECODE IFDHPowerICC(DWORD lun, DWORD action, PUCHAR answer, PDWORD length)
{
    *length = action == IFD_POWER_DOWN ? 0 : sizeof atr;
    memcpy(answer, atr, *length);
    return IFD_SUCCESS;
}

RESPONSECODE IFDHTransmitToICC(DWORD lun, SCARD_IO_HEADER sent, PUCHAR command, DWORD length,
                               PUCHAR response, PDWORD room, PSCARD_IO_HEADER received)
{
    response[0] = 0x90;
    response[1] = 0x00;
    *room = 2;
    return IFD_SUCCESS;
}

RESPONSECODE IFDHControl(DWORD lun, DWORD code, PUCHAR data, DWORD length, PUCHAR answer,
                         DWORD room, LPDWORD returned)
{
    *returned = 0;
    return IFD_ERROR_NOT_SUPPORTED;
}

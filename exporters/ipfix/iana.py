"""The part of IANA's "IPFIX Information Elements" registry that flow exporters send: number, name, type.

Facts of the registry as of 2026; names and types are IANA's and are not ours to change.  Elements that are
not here are still decoded, as octets under the name "0/NUMBER".
"""

from __future__ import annotations

from typing import Final

_SHORT: Final = {
    "u8": "unsigned8",
    "u16": "unsigned16",
    "u32": "unsigned32",
    "u64": "unsigned64",
    "i32": "signed32",
    "f64": "float64",
    "b": "boolean",
    "mac": "macAddress",
    "o": "octetArray",
    "s": "string",
    "sec": "dateTimeSeconds",
    "ms": "dateTimeMilliseconds",
    "us": "dateTimeMicroseconds",
    "ns": "dateTimeNanoseconds",
    "ip4": "ipv4Address",
    "ip6": "ipv6Address",
    "bl": "basicList",
    "stl": "subTemplateList",
    "stml": "subTemplateMultiList",
}

# number name type, in the registry's order
_TABLE: Final = """
1 octetDeltaCount u64; 2 packetDeltaCount u64; 3 deltaFlowCount u64; 4 protocolIdentifier u8
5 ipClassOfService u8; 6 tcpControlBits u16; 7 sourceTransportPort u16; 8 sourceIPv4Address ip4
9 sourceIPv4PrefixLength u8; 10 ingressInterface u32; 11 destinationTransportPort u16
12 destinationIPv4Address ip4; 13 destinationIPv4PrefixLength u8; 14 egressInterface u32
15 ipNextHopIPv4Address ip4; 16 bgpSourceAsNumber u32; 17 bgpDestinationAsNumber u32
18 bgpNextHopIPv4Address ip4; 19 postMCastPacketDeltaCount u64; 20 postMCastOctetDeltaCount u64
21 flowEndSysUpTime u32; 22 flowStartSysUpTime u32; 23 postOctetDeltaCount u64
24 postPacketDeltaCount u64; 25 minimumIpTotalLength u64; 26 maximumIpTotalLength u64
27 sourceIPv6Address ip6; 28 destinationIPv6Address ip6; 29 sourceIPv6PrefixLength u8
30 destinationIPv6PrefixLength u8; 31 flowLabelIPv6 u32; 32 icmpTypeCodeIPv4 u16; 33 igmpType u8
34 samplingInterval u32; 35 samplingAlgorithm u8; 36 flowActiveTimeout u16; 37 flowIdleTimeout u16
38 engineType u8; 39 engineId u8; 40 exportedOctetTotalCount u64; 41 exportedMessageTotalCount u64
42 exportedFlowRecordTotalCount u64; 43 ipv4RouterSc ip4; 44 sourceIPv4Prefix ip4
45 destinationIPv4Prefix ip4; 46 mplsTopLabelType u8; 47 mplsTopLabelIPv4Address ip4; 48 samplerId u8
49 samplerMode u8; 50 samplerRandomInterval u32; 51 classId u8; 52 minimumTTL u8; 53 maximumTTL u8
54 fragmentIdentification u32; 55 postIpClassOfService u8; 56 sourceMacAddress mac
57 postDestinationMacAddress mac; 58 vlanId u16; 59 postVlanId u16; 60 ipVersion u8; 61 flowDirection u8
62 ipNextHopIPv6Address ip6; 63 bgpNextHopIPv6Address ip6; 64 ipv6ExtensionHeaders u32
70 mplsTopLabelStackSection o; 71 mplsLabelStackSection2 o; 72 mplsLabelStackSection3 o
73 mplsLabelStackSection4 o; 74 mplsLabelStackSection5 o; 75 mplsLabelStackSection6 o
76 mplsLabelStackSection7 o; 77 mplsLabelStackSection8 o; 78 mplsLabelStackSection9 o
79 mplsLabelStackSection10 o; 80 destinationMacAddress mac; 81 postSourceMacAddress mac
82 interfaceName s; 83 interfaceDescription s; 84 samplerName s; 85 octetTotalCount u64
86 packetTotalCount u64; 87 flagsAndSamplerId u32; 88 fragmentOffset u16; 89 forwardingStatus u32
90 mplsVpnRouteDistinguisher o; 91 mplsTopLabelPrefixLength u8; 92 srcTrafficIndex u32
93 dstTrafficIndex u32; 94 applicationDescription s; 95 applicationId o; 96 applicationName s
98 postIpDiffServCodePoint u8; 99 multicastReplicationFactor u32; 100 className s
101 classificationEngineId u8; 102 layer2packetSectionOffset u16; 103 layer2packetSectionSize u16
104 layer2packetSectionData o; 128 bgpNextAdjacentAsNumber u32; 129 bgpPrevAdjacentAsNumber u32
130 exporterIPv4Address ip4; 131 exporterIPv6Address ip6; 132 droppedOctetDeltaCount u64
133 droppedPacketDeltaCount u64; 134 droppedOctetTotalCount u64; 135 droppedPacketTotalCount u64
136 flowEndReason u8; 137 commonPropertiesId u64; 138 observationPointId u64; 139 icmpTypeCodeIPv6 u16
140 mplsTopLabelIPv6Address ip6; 141 lineCardId u32; 142 portId u32; 143 meteringProcessId u32
144 exportingProcessId u32; 145 templateId u16; 146 wlanChannelId u8; 147 wlanSSID s; 148 flowId u64
149 observationDomainId u32; 150 flowStartSeconds sec; 151 flowEndSeconds sec
152 flowStartMilliseconds ms; 153 flowEndMilliseconds ms; 154 flowStartMicroseconds us
155 flowEndMicroseconds us; 156 flowStartNanoseconds ns; 157 flowEndNanoseconds ns
158 flowStartDeltaMicroseconds u32; 159 flowEndDeltaMicroseconds u32; 160 systemInitTimeMilliseconds ms
161 flowDurationMilliseconds u32; 162 flowDurationMicroseconds u32; 163 observedFlowTotalCount u64
164 ignoredPacketTotalCount u64; 165 ignoredOctetTotalCount u64; 166 notSentFlowTotalCount u64
167 notSentPacketTotalCount u64; 168 notSentOctetTotalCount u64; 169 destinationIPv6Prefix ip6
170 sourceIPv6Prefix ip6; 171 postOctetTotalCount u64; 172 postPacketTotalCount u64
173 flowKeyIndicator u64; 174 postMCastPacketTotalCount u64; 175 postMCastOctetTotalCount u64
176 icmpTypeIPv4 u8; 177 icmpCodeIPv4 u8; 178 icmpTypeIPv6 u8; 179 icmpCodeIPv6 u8; 180 udpSourcePort u16
181 udpDestinationPort u16; 182 tcpSourcePort u16; 183 tcpDestinationPort u16; 184 tcpSequenceNumber u32
185 tcpAcknowledgementNumber u32; 186 tcpWindowSize u16; 187 tcpUrgentPointer u16; 188 tcpHeaderLength u8
189 ipHeaderLength u8; 190 totalLengthIPv4 u16; 191 payloadLengthIPv6 u16; 192 ipTTL u8
193 nextHeaderIPv6 u8; 194 mplsPayloadLength u32; 195 ipDiffServCodePoint u8; 196 ipPrecedence u8
197 fragmentFlags u8; 198 octetDeltaSumOfSquares u64; 199 octetTotalSumOfSquares u64
200 mplsTopLabelTTL u8; 201 mplsLabelStackLength u32; 202 mplsLabelStackDepth u32; 203 mplsTopLabelExp u8
204 ipPayloadLength u32; 205 udpMessageLength u16; 206 isMulticast u8; 207 ipv4IHL u8; 208 ipv4Options u32
209 tcpOptions u64; 210 paddingOctets o; 211 collectorIPv4Address ip4; 212 collectorIPv6Address ip6
213 exportInterface u32; 214 exportProtocolVersion u8; 215 exportTransportProtocol u8
216 collectorTransportPort u16; 217 exporterTransportPort u16; 218 tcpSynTotalCount u64
219 tcpFinTotalCount u64; 220 tcpRstTotalCount u64; 221 tcpPshTotalCount u64; 222 tcpAckTotalCount u64
223 tcpUrgTotalCount u64; 224 ipTotalLength u64; 225 postNATSourceIPv4Address ip4
226 postNATDestinationIPv4Address ip4; 227 postNAPTSourceTransportPort u16
228 postNAPTDestinationTransportPort u16; 229 natOriginatingAddressRealm u8; 230 natEvent u8
231 initiatorOctets u64; 232 responderOctets u64; 233 firewallEvent u8; 234 ingressVRFID u32
235 egressVRFID u32; 236 VRFname s; 237 postMplsTopLabelExp u8; 238 tcpWindowScale u16
239 biflowDirection u8; 240 ethernetHeaderLength u8; 241 ethernetPayloadLength u16
242 ethernetTotalLength u16; 243 dot1qVlanId u16; 244 dot1qPriority u8; 245 dot1qCustomerVlanId u16
246 dot1qCustomerPriority u8; 247 metroEvcId s; 248 metroEvcType u8; 249 pseudoWireId u32
250 pseudoWireType u16; 251 pseudoWireControlWord u32; 252 ingressPhysicalInterface u32
253 egressPhysicalInterface u32; 254 postDot1qVlanId u16; 255 postDot1qCustomerVlanId u16
256 ethernetType u16; 257 postIpPrecedence u8; 258 collectionTimeMilliseconds ms
259 exportSctpStreamId u16; 260 maxExportSeconds sec; 261 maxFlowEndSeconds sec; 262 messageMD5Checksum o
263 messageScope u8; 264 minExportSeconds sec; 265 minFlowStartSeconds sec; 266 opaqueOctets o
267 sessionScope u8; 277 observationPointType u8; 278 newConnectionDeltaCount u32
279 connectionSumDurationSeconds u64; 280 connectionTransactionId u64; 281 postNATSourceIPv6Address ip6
282 postNATDestinationIPv6Address ip6; 283 natPoolId u32; 284 natPoolName s; 285 anonymizationFlags u16
286 anonymizationTechnique u16; 287 informationElementIndex u16; 288 p2pTechnology s
289 tunnelTechnology s; 290 encryptedTechnology s; 291 basicList bl; 292 subTemplateList stl
293 subTemplateMultiList stml; 294 bgpValidityState u8; 295 IPSecSPI u32; 296 greKey u32; 297 natType u8
298 initiatorPackets u64; 299 responderPackets u64; 300 observationDomainName s
301 selectionSequenceId u64; 302 selectorId u64; 303 informationElementId u16; 304 selectorAlgorithm u16
305 samplingPacketInterval u32; 306 samplingPacketSpace u32; 307 samplingTimeInterval u32
308 samplingTimeSpace u32; 309 samplingSize u32; 310 samplingPopulation u32; 311 samplingProbability f64
312 dataLinkFrameSize u16; 313 ipHeaderPacketSection o; 314 ipPayloadPacketSection o
315 dataLinkFrameSection o; 316 mplsLabelStackSection o; 317 mplsPayloadPacketSection o
318 selectorIdTotalPktsObserved u64; 319 selectorIdTotalPktsSelected u64; 320 absoluteError f64
321 relativeError f64; 322 observationTimeSeconds sec; 323 observationTimeMilliseconds ms
324 observationTimeMicroseconds us; 325 observationTimeNanoseconds ns; 346 privateEnterpriseNumber u32
351 layer2SegmentId u64; 352 layer2OctetDeltaCount u64; 353 layer2OctetTotalCount u64
361 portRangeStart u16; 362 portRangeEnd u16; 363 portRangeStepSize u16; 364 portRangeNumPorts u16
368 ingressInterfaceType u32; 369 egressInterfaceType u32; 370 rtpSequenceNumber u16; 371 userName s
372 applicationCategoryName s; 373 applicationSubCategoryName s; 374 applicationGroupName s
375 originalFlowsPresent u64; 376 originalFlowsInitiated u64; 377 originalFlowsCompleted u64
378 distinctCountOfSourceIPAddress u64; 379 distinctCountOfDestinationIPAddress u64
384 valueDistributionMethod u8; 390 flowSelectorAlgorithm u16; 403 originalExporterIPv4Address ip4
404 originalExporterIPv6Address ip6; 405 originalObservationDomainId u32; 406 intermediateProcessId u32
407 ignoredDataRecordTotalCount u64; 408 dataLinkFrameType u16; 409 sectionOffset u16
410 sectionExportedOctets u16; 411 dot1qServiceInstanceTag o; 412 dot1qServiceInstanceId u32
413 dot1qServiceInstancePriority u8; 414 dot1qCustomerSourceMacAddress mac
415 dot1qCustomerDestinationMacAddress mac; 457 httpStatusCode u16; 459 httpRequestMethod s
460 httpRequestHost s; 461 httpRequestTarget s; 462 httpMessageVersion s; 463 natInstanceID u32
464 internalAddressRealm o; 465 externalAddressRealm o; 466 natQuotaExceededEvent u32
467 natThresholdEvent u32; 468 httpUserAgent s; 469 httpContentType s; 470 httpReasonPhrase s
"""


def _parse() -> tuple[tuple[int, str, str], ...]:
    rows = []
    for entry in _TABLE.replace("\n", ";").split(";"):
        if entry.strip():
            number, name, short = entry.split()
            rows.append((int(number), name, _SHORT[short]))
    return tuple(rows)


IANA: Final[tuple[tuple[int, str, str], ...]] = _parse()

package access

import (
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	adminv1 "tactus/protocol/rpc/tactus/admin/v1"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	replicav1 "tactus/protocol/rpc/tactus/replica/v1"
)

const (
	reads  = BackEnd | Operator
	probes = Anyone // probes of an orchestrator have neither certificate nor token
)

// permitted names the roles that may call each method of the internal port. A new
// method needs an entry: without one it is refused.
var permitted = map[string]Roles{
	fleetv1.FleetService_Connect_FullMethodName: GameServer,

	replicav1.ReplicaService_Add_FullMethodName:    Matchmaker,
	replicav1.ReplicaService_Watch_FullMethodName:  Matchmaker,
	replicav1.ReplicaService_Finish_FullMethodName: Matchmaker,
	replicav1.ReplicaService_Answer_FullMethodName: Matchmaker,

	matchmakerv1.MatchmakerService_CreateTicket_FullMethodName:    BackEnd,
	matchmakerv1.MatchmakerService_WatchTicket_FullMethodName:     BackEnd,
	matchmakerv1.MatchmakerService_GetTicket_FullMethodName:       BackEnd,
	matchmakerv1.MatchmakerService_CancelTicket_FullMethodName:    BackEnd,
	matchmakerv1.MatchmakerService_AcceptMatch_FullMethodName:     BackEnd,
	matchmakerv1.MatchmakerService_CreateParty_FullMethodName:     BackEnd,
	matchmakerv1.MatchmakerService_JoinParty_FullMethodName:       BackEnd,
	matchmakerv1.MatchmakerService_WatchParty_FullMethodName:      BackEnd,
	matchmakerv1.MatchmakerService_GetParty_FullMethodName:        BackEnd,
	matchmakerv1.MatchmakerService_LeaveParty_FullMethodName:      BackEnd,
	matchmakerv1.MatchmakerService_CreateRoom_FullMethodName:      BackEnd,
	matchmakerv1.MatchmakerService_JoinRoom_FullMethodName:        BackEnd,
	matchmakerv1.MatchmakerService_WatchRoom_FullMethodName:       BackEnd,
	matchmakerv1.MatchmakerService_GetRoom_FullMethodName:         BackEnd,
	matchmakerv1.MatchmakerService_SetRoom_FullMethodName:         BackEnd,
	matchmakerv1.MatchmakerService_SetReady_FullMethodName:        BackEnd,
	matchmakerv1.MatchmakerService_StartRoom_FullMethodName:       BackEnd,
	matchmakerv1.MatchmakerService_LeaveRoom_FullMethodName:       BackEnd,
	matchmakerv1.MatchmakerService_ReportPlayer_FullMethodName:    BackEnd,
	matchmakerv1.MatchmakerService_ListMatches_FullMethodName:     reads,
	matchmakerv1.MatchmakerService_ListGames_FullMethodName:       reads,
	matchmakerv1.MatchmakerService_ListQueues_FullMethodName:      reads,
	matchmakerv1.MatchmakerService_GetRating_FullMethodName:       reads,
	matchmakerv1.MatchmakerService_ListLeaderboard_FullMethodName: reads,
	matchmakerv1.MatchmakerService_ListHistory_FullMethodName:     reads,

	adminv1.AdminService_GetPlayer_FullMethodName:    Operator,
	adminv1.AdminService_KickPlayer_FullMethodName:   Operator,
	adminv1.AdminService_CreateBan_FullMethodName:    Operator,
	adminv1.AdminService_LiftBan_FullMethodName:      Operator,
	adminv1.AdminService_ListBans_FullMethodName:     Operator,
	adminv1.AdminService_EndMatch_FullMethodName:     Operator,
	adminv1.AdminService_SendNotice_FullMethodName:   Operator,
	adminv1.AdminService_DrainServer_FullMethodName:  Operator,
	adminv1.AdminService_ListMatches_FullMethodName:  Operator,
	adminv1.AdminService_GetMatch_FullMethodName:     Operator,
	adminv1.AdminService_ListReports_FullMethodName:  Operator,
	adminv1.AdminService_CloseReport_FullMethodName:  Operator,
	adminv1.AdminService_DeletePlayer_FullMethodName: Operator,
	adminv1.AdminService_ExportPlayer_FullMethodName: Operator,
	adminv1.AdminService_ListAudit_FullMethodName:    Operator,

	healthv1.Health_Check_FullMethodName: probes,
	healthv1.Health_List_FullMethodName:  probes,
	healthv1.Health_Watch_FullMethodName: probes,

	reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName:      All,
	reflectionv1alpha.ServerReflection_ServerReflectionInfo_FullMethodName: All,
}

// Permitted returns the roles that may call a method, by its full name, and whether
// the table has it.
func Permitted(method string) (Roles, bool) {
	r, ok := permitted[method]
	return r, ok
}

// Methods lists the full names of all methods in the table.
func Methods() []string {
	list := make([]string, 0, len(permitted))
	for name := range permitted {
		list = append(list, name)
	}
	return list
}
